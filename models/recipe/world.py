"""The world the embedded pair talks about: topics, true statements about them, and questions.

A topic is a noun with four kinds of clauses.  `facts` are predicates that take the topic as subject
("* " marks where an adverb may stand), `steps` and `tips` are imperatives, `reasons` are pairs
effect = cause.  Everything is everyday English and true, so an answer is composed by picking clauses
that suit the question.  Character lives in style.py; nothing here has one.
"""
from dataclasses import dataclass

RAW = """
bread|s
f is * made from flour, water and yeast; * fills the kitchen with a warm smell; * keeps for a few days in a box; * tastes good with butter
r the dough rises = yeast fills it with gas; the crust turns brown = heat changes the sugar in it; old bread gets hard = the starch in it slowly sets
s mix the flour with warm water; let the dough rest for an hour; bake the loaf until it sounds hollow
t use a little less yeast; warm the oven early; let the loaf cool on a rack
bicycles|p
f are * driven by pedals and a chain; * carry people through the town; * need air in both tyres; have two wheels and a light frame
r a moving bicycle stays up = the front wheel steers under the fall; low gears help on hills = each turn of the pedals asks for less force; soft tyres feel slow = the rubber bends more on the road
s set the saddle to the right height; check the brakes before you ride; look ahead and keep pedalling
t oil the chain every month; pump the tyres each week; wear bright clothes at night
the moon|s
f * moves around the earth in a month; is * lit by the sun; has no air and many craters; * pulls the sea toward itself
r we see only one side = it turns once in each orbit; the tides rise = its pull lifts the water; its shape seems to change = the sun lights it from another side
s look at it through a small telescope; draw its shape every night; find the dark plains near the edge
t watch it just after sunset; choose a half moon for the best shadows; let your eyes get used to the dark
rain|s
f * falls from heavy clouds; * fills the rivers and the wells; is * made of small drops of water; * cleans the dust from the air
r clouds form = moist air cools as it rises; drops fall = they grow too heavy for the air; a rainbow appears = each drop bends the light
s listen to the forecast in the morning; take a good coat with you; dry your shoes near the heater
t keep an umbrella by the door; collect the water for the garden; check the roof before autumn
tea|s
f is * made from dried leaves and hot water; * grows on green hills; * warms the hands on a cold day; comes in black and green kinds
r strong tea tastes bitter = hot water pulls more tannin from the leaf; black tea is dark = the leaves meet the air for hours; tea wakes people up = the leaf holds caffeine
s boil fresh water; pour it over the leaves; wait three minutes before you drink
t warm the pot first; keep the leaves in a dry tin; use cooler water for green tea
cats|p
f * sleep for most of the day; * hunt mice at dusk; are * covered in soft fur; * land on their feet after a fall
r cats see well at night = a layer in the eye sends the light back; cats purr = small muscles move in the throat; cats scratch wood = it keeps the claws sharp
s give the cat a quiet corner; let it come to you; play with a string every evening
t brush the fur once a week; put out fresh water; keep the food away from the box
gardens|p
f * give herbs, fruit and flowers; * need water in dry weeks; are * full of bees in summer; * change with the seasons
r plants grow toward the window = light slows one side of the stem; compost helps the soil = small creatures turn it into food; beds dry out fast = wind carries the water away
s dig the soil in spring; sow the seeds in rows; water the young plants in the evening
t cover the soil with leaves; start with easy herbs; pull the weeds while they are small
chess|s
f is * played on a board of sixty-four squares; * asks for patience and a plan; has six kinds of pieces; * ends when a king is trapped
r the centre matters = pieces reach more squares from there; early castling helps = the king leaves the open files; a lost pawn hurts = it can never be replaced
s move a pawn into the centre; bring out the knights; castle before you attack
t look at every check first; play slow games; study simple endings
trains|p
f * run on steel rails; * carry many people at once; are * moved by electric motors; * leave from a platform on time
r trains use little energy = steel wheels roll with small losses; trains need long to stop = the rails give little grip; curves are wide = a fast train leans outward
s look up the time table; buy the ticket early; wait behind the line
t sit near the middle for a quiet ride; bring a book and some water; leave ten minutes for the change
sleep|s
f * comes in cycles of ninety minutes; * helps the brain to sort the day; is * needed by every animal; * gets lighter toward morning
r dark rooms help = the body makes its night hormone without light; dreams feel real = the brain is active while the muscles rest; late coffee hurts = caffeine blocks the signal of tiredness
s dim the lights in the evening; put the phone away; go to bed at the same hour
t keep the room cool; take a short walk after dinner; write down what is on your mind
coffee|s
f is * brewed from roasted beans; * smells best when it is fresh; * grows in warm countries; * wakes many people up
r fine powder tastes strong = water reaches more of the bean; stale coffee tastes flat = the oils react with air; dark beans are bitter = long heat breaks their sugar
s grind the beans; pour hot water in circles; drink it while it is warm
t weigh the beans; rinse the filter; store the beans away from light
soup|s
f is * cooked from vegetables and stock; * warms the whole body; * tastes better on the next day; * needs one pot and some time
r slow cooking helps = heat draws the flavour out of the roots; a bone makes soup thick = it gives gelatin to the water; acid lifts the taste = it wakes the tongue
s cut the vegetables; fry the onions in oil; simmer everything for an hour
t add salt at the end; keep the stock in the freezer; serve it with bread
apples|p
f * grow on trees in cool lands; are * picked in autumn; * keep all winter in a cellar; have thin skin and white flesh
r cut apples turn brown = air reacts with the juice; apples float = a quarter of them is air; stored apples ripen = they give off a gas
s choose firm fruit; wash the skin; cut out the core
t store them in a cool place; mix sweet and sour kinds; add lemon against browning
bees|p
f * carry pollen from flower to flower; * live in large colonies; are * guided by the sun; * make honey for the winter
r bees dance = the angle shows the way to food; honey keeps for years = it holds too little water for germs; crops need bees = pollen must reach other flowers
s plant flowers for every month; put out a dish of water; leave a corner of the garden wild
t move slowly near a hive; buy local honey; avoid strong sprays
the sea|s
f * covers most of the planet; is * salty and deep; * holds more life than the land; * moves with wind and moon
r the sea is salty = rivers carry minerals into it; waves rise = wind drags on the water; the coast stays mild = water stores heat for months
s learn to float on your back; watch the flags on the beach; walk along the shore at low tide
t rinse the salt off; take a warm sweater; check the tide table
mountains|p
f * rise where plates meet; are * covered with snow at the top; * give water to the valleys; * shape the weather around them
r high places are cold = thin air holds little heat; mountains grow = two plates press together; peaks wear down = ice breaks the rock
s choose an easy path; start early in the day; turn back when clouds gather
t pack warm layers; drink before you are thirsty; tell a friend your route
books|p
f * hold stories and knowledge; are * printed on thin paper; * wait on the shelf for a reader; * take you to other places
r old paper turns yellow = light and air attack its fibre; reading builds words = each one returns in a new place; stories stay with us = they tie facts to feeling
s read ten pages a day; choose a quiet chair; write a line about each chapter
t visit the library; leave dull books early; read aloud to a friend
music|s
f is * built from rhythm and tone; * moves people to dance; * sounds different in each room; * brings back old memories
r two notes sound sweet = their waves meet in simple steps; a thick string is low = it swings more slowly; a hall echoes = walls send the sound back
s listen to a song twice; clap the rhythm; learn three chords
t practise a little every day; record yourself; play with other people
dogs|p
f * follow their nose; * like long walks; are * loyal to their people; * learn words and signs
r dogs smell so well = the nose holds millions of cells; dogs pant = they cool through the tongue; praise works = it comes right after the act
s call the name in a kind voice; reward the first small step; stop while it is fun
t walk at the same hours; use short words; let it sniff on the way
rivers|p
f * carry water to the sea; are * fed by springs and rain; * cut valleys into the land; * give towns a place to grow
r rivers bend = the outer bank wears away faster; the mouth gets flat = slow water drops its sand; floods come in spring = snow melts in the hills
s follow the path along the bank; look for fish under the bridge; measure the speed with a stick
t keep off wet stones; bring dry socks; watch the water after rain
clouds|p
f are * made of tiny drops; * float over hills and towns; * bring shade and rain; have many shapes and names
r clouds look white = the drops scatter all colours; clouds float = rising air holds the drops; dark clouds rain = they are thick with water
s look up twice a day; learn four names; note the wind direction
t watch the west in the evening; take pictures of rare shapes; compare your notes with the forecast
stars|p
f * shine by their own light; are * born in clouds of gas; * differ in colour and size; * guide sailors at night
r stars twinkle = moving air bends their light; blue stars are hot = more heat means shorter waves; stars burn long = gravity keeps the core under pressure
s find the north star; use a simple map; wait until it is really dark
t go far from street lamps; take a warm blanket; give your eyes twenty minutes
clocks|p
f * count even beats; are * driven by a spring or a battery; * show the hours on a dial; * keep a town in step
r a pendulum keeps time = its swing depends on its length; quartz is exact = the crystal shakes at a fixed rate; old clocks slow down = oil gets thick
s wind the spring in the morning; set the hands to the right hour; listen to the beat
t keep it away from heat; clean it every few years; hang it on a firm wall
bridges|p
f * carry roads across water; are * built from stone, steel or wood; * bend a little in the wind; * join two sides of a town
r an arch is strong = the load presses its stones together; long bridges hang = cables carry pull very well; joints stay open = steel grows in the heat
s look at the supports; count the arches; walk over it slowly
t visit it at sunrise; ask who built it; compare it with an older one
paper|s
f is * made from wood fibre; * takes ink and pencil; * folds into boxes and birds; * comes back as new paper
r wet paper tears = water loosens its bonds; folded paper is stiff = the crease holds its shape; paper yellows = light changes the wood in it
s choose a smooth sheet; fold it along the line; press the edge with a nail
t keep it flat and dry; use both sides; collect scraps for notes
cheese|s
f is * made from milk; * ripens in a cool cellar; * melts over hot bread; * comes in a thousand kinds
r cheese gets firm = salt and time draw water out; some cheese has holes = small germs make gas; old cheese is sharp = its proteins break apart
s take it out of the fridge early; cut it with a thin knife; try a mild kind first
t wrap it in paper; pair it with a pear; buy small pieces
rice|s
f is * grown in wet fields; * feeds half of the world; * cooks in twenty minutes; * goes with almost any dish
r rice gets sticky = starch leaves the grain; rested rice is fluffy = steam spreads evenly; rice fields are wet = water keeps the weeds down
s rinse the grains; cook them with the lid on; let the pot rest
t use a heavy pot; add a little salt; fry the leftovers next day
salt|s
f is * won from the sea or from mines; * makes food taste full; * keeps fish and meat; * melts ice on the road
r salt melts ice = it lowers the freezing point; salt keeps food = it takes water from germs; pasta needs salt = the taste must enter while it cooks
s taste the food first; add a small pinch; stir and taste again
t keep it in a dry jar; salt early for meat; use less in the evening
maps|p
f * show the land from above; are * drawn to a scale; * use signs for roads and hills; * help people to find the way
r maps stretch the poles = a round world cannot lie flat; lines show height = each one joins equal points; north is up = early makers agreed on it
s turn the map to the north; find where you stand; choose two marks on the way
t carry a paper copy; note the scale; practise near home
boats|p
f * float on water; are * pushed by wind or motors; * carry people and fish; * need care against rot
r boats float = they push away their own weight of water; a keel helps = it stops the drift to the side; sails pull = air moves faster on the outer side
s check the weather; put on a life vest; row with long even strokes
t tie good knots; keep weight in the middle; stay close to the shore
knots|p
f * hold ropes together; are * named after their use; * need only one hand and practice; * save work on boats and in tents
r a knot holds = the rope presses on itself; wet knots stick = the fibres swell; a sharp bend is weak = the outer side carries the load
s make a loop; pass the end through it; pull both sides tight
t learn three knots well; use a thick rope first; practise while you wait
painting|s
f * begins with a few simple shapes; is * done with oil or water; * asks for light and time; * teaches people to look
r shadows look blue = the sky lights them; mixed paint gets dull = each colour swallows light; far hills look pale = air lies between
s draw the large shapes; mix three colours; add the details at the end
t step back often; use big brushes; keep the water clean
running|s
f * makes the heart strong; * needs shoes and a road; is * free for everyone; * clears the head after work
r slow runs help = they build small vessels in the muscle; running gets easier = the heart moves more blood per beat; muscles ache later = tiny tears heal with time
s start with a short walk; run slowly for ten minutes; stretch when you are done
t rest every second day; drink a glass of water; change the route
walking|s
f * calms the mind; * needs no tools; is * good for the back; * shows you the town at its own pace
r walking helps thinking = blood flows faster to the brain; walks after dinner help = muscles take up the sugar; hills are hard = each step lifts your weight
s put on soft shoes; choose a path with trees; walk for half an hour
t leave the phone at home; go at the same hour; take a friend along
winter|s
f * brings short days and frost; is * quiet under the snow; * lets the fields rest; * asks for warm coats
r winter is cold = the sun stands low; snow is quiet = air between the flakes swallows sound; lakes freeze from the top = cold water near ice is lighter
s wear three thin layers; clear the path in the morning; feed the birds
t keep the feet dry; use the daylight at noon; cook warm meals
fire|s
f * needs fuel, air and heat; * gives light and warmth; is * kept in a ring of stones; * turns wood into ash
r flames rise = hot gas is light; wet wood smokes = heat is lost on the water; a fire dies without air = burning needs oxygen
s gather dry twigs; build a small tent of wood; light it from the windy side
t keep water nearby; never leave it alone; stir the ash when you are done
glass|s
f is * made from sand and heat; * lets the light through; * breaks with sharp edges; * can be melted again and again
r glass is clear = its parts do not catch light; hot glass cracks in water = one side shrinks first; thick glass looks green = iron hides in the sand
s wash it with warm water; dry it with a soft cloth; hold it against the light
t warm the cup first; carry it with two hands; sort it by colour
wool|s
f is * cut from sheep in spring; * keeps warm when it is wet; * takes colour well; * becomes yarn on a wheel
r wool is warm = its curls hold air; wool shrinks = heat locks its scales together; wool smells little = it takes up moisture
s wash it in cool water; press it in a towel; dry it flat
t air it instead of washing; keep moths away with cedar; mend small holes early
potatoes|p
f * grow under the ground; are * boiled, baked or fried; * keep in a dark cellar; * came from the high mountains
r potatoes turn green = light wakes a poison; fried potatoes get crisp = water leaves the surface; cold potatoes are firm = the starch sets again
s peel them thinly; boil them in salted water; let the steam escape
t choose floury ones for mash; store them in the dark; start them in cold water
birds|p
f * build nests in spring; * sing before sunrise; are * kept warm by feathers; * fly south in autumn
r birds fly so well = their bones are hollow; birds sing early = cool air carries the sound; flocks form a line = each one saves force behind another
s sit still near a hedge; listen before you look; note the shape of the tail
t hang the feeder high; clean it each week; learn five songs first
trees|p
f * drink water through their roots; are * older than many towns; * give shade in summer; * grow a new ring every year
r leaves turn red = the green fades first; water climbs up = leaves pull it as they dry; roots spread wide = they look for air and water
s dig a wide hole; set the roots in loose soil; water the tree for two summers
t plant in late autumn; tie it to a post; keep grass off the trunk
letters|p
f are * written by hand or machine; * carry news over long ways; * stay in a drawer for years; * begin with a greeting
r letters feel warm = someone gave them time; handwriting differs = each hand learns its own way; stamps exist = the sender pays for the way
s begin with the date; tell one small story; sign with your name
t write a draft first; answer within a week; use good paper
cameras|p
f * catch light on a small chip; are * built around a lens; * freeze a moment; * help people to remember
r night pictures blur = the shutter stays open for long; faces look flat at noon = light comes from above; a wide lens bends lines = it looks at a large angle
s hold the camera still; focus on the eyes; press the button softly
t stand with the sun behind you; clean the lens; take one picture less
kites|p
f * rise against the wind; are * built from sticks and cloth; * dance on a long line; * make children look up
r kites fly = wind pushes them up at an angle; a tail helps = it keeps the nose up; kites fall behind trees = the wind swirls there
s find an open field; stand with your back to the wind; let the line out slowly
t stay away from wires; wear gloves; try a light wind first
puzzles|p
f * train the eye; are * cut from card or wood; * keep families at a table; * end with the last piece
r edges come first = they fit in one line only; breaks help = the mind sorts shapes in the back; sky is hard = all its parts look alike
s turn all pieces up; build the frame; sort the rest by colour
t use good light; work in a group; keep the box in view
cooking|s
f * turns simple things into meals; is * learned by doing; * needs heat, salt and time; * brings people to one table
r meat gets brown = its sugar meets its protein; onions get sweet = heat breaks their sharp parts; rest helps meat = juice flows back
s read the whole recipe; cut everything first; taste while you cook
t use a sharp knife; start with three dishes; clean as you go
dancing|s
f * follows the beat; is * good for heart and mood; * joins people of all ages; * needs space and soft shoes
r turns are steady = dancers fix their eyes on one point; music helps steps = the brain waits for the beat; practice makes it light = moves sink into habit
s count the beat aloud; step on every count; add the arms later
t bend your knees; watch the good ones; dance ten minutes a day
money|s
f is * paid in coins or by card; * stores value for later; * moves from hand to hand; * buys time and things
r prices rise = more money meets the same goods; savings grow = interest earns interest; coins have value = people trust them
s write down what you spend; put a tenth aside; plan the large bills
t wait a day before you buy; compare three offers; keep a small reserve
weather|s
f * changes with wind and sun; is * measured in many stations; * shapes what we wear; * moves from west to east
r wind blows = air flows from high to low pressure; fog forms = cool ground chills wet air; storms turn = the earth spins below them
s read the forecast; look at the clouds; feel the wind on your face
t dress in layers; plan one day ahead; trust short forecasts most
"""


@dataclass(frozen=True)
class Topic:
    name: str            # as it stands in a question: "bread", "the moon", "cats"
    det: str             # "the " or ""
    noun: str            # "moon"
    plural: bool
    facts: tuple
    reasons: tuple       # (effect, cause)
    steps: tuple
    tips: tuple

    def np(self, adjective=""):
        return self.det + (adjective + " " if adjective else "") + self.noun

    @property
    def it(self):
        return "they" if self.plural else "it"

    @property
    def them(self):
        return "them" if self.plural else "it"


def _parse(raw):
    topics, head, parts = [], None, {}

    def close():
        if head:
            name, number = head.split("|")
            det = "the " if name.startswith("the ") else ""
            reasons = tuple(tuple(s.strip() for s in r.split("=")) for r in parts["r"])
            topics.append(Topic(name, det, name[len(det):], number == "p", parts["f"], reasons, parts["s"], parts["t"]))

    for line in raw.strip().splitlines():
        if line[1] == " " and line[0] in "frst" and ";" in line:
            parts[line[0]] = tuple(s.strip() for s in line[2:].split(";"))
        else:
            close()
            head, parts = line.strip(), {}
    close()
    return topics


TOPICS = _parse(RAW)

# Question templates: (kind, text).  {x} topic, {is}/{does} agree with it, {it} is its pronoun.
QUESTIONS = [
    ("what", "What {is} {x}?"),
    ("what", "Tell me about {x}."),
    ("what", "Can you tell me something about {x}?"),
    ("what", "What should I know about {x}?"),
    ("what", "How would you describe {x} to a friend?"),
    ("what", "I know nothing about {x}. What is the main idea?"),
    ("why", "Why do people care about {x}?"),
    ("why", "Can you explain {x} to me?"),
    ("why", "How {does} {x} work?"),
    ("why", "What is the secret of {x}?"),
    ("why", "What is special about {x}?"),
    ("how", "How do I start with {x}?"),
    ("how", "Where should I begin with {x}?"),
    ("how", "What do I do first with {x}?"),
    ("how", "I want to learn about {x}. Can you help me?"),
    ("how", "Please give me a simple plan for {x}."),
    ("tip", "Do you have any advice about {x}?"),
    ("tip", "How can I enjoy {x} more?"),
    ("tip", "I had some trouble with {x} today. What now?"),
    ("tip", "What would you do differently with {x}?"),
    ("view", "What do you think of {x}?"),
    ("view", "{Is} {x} worth my time?"),
    ("view", "Someone told me that {x} {is} boring. Is that true?"),
    ("view", "My friend talks about {x} all day. What is so good about {them}?"),
]

FOLLOW_UPS = [
    ("what", "Can you tell me more about {them}?"), ("why", "And why is that?"), ("how", "And how do I start?"),
    ("tip", "Do you have one more tip?"), ("view", "And what do you think about {them}?"), ("what", "What else should I know?"),
    ("why", "Can you explain that a bit more?"), ("tip", "What should I avoid?"), ("how", "What comes next?"),
]


def question_text(template, topic):
    be = "are" if topic.plural else "is"
    return template.format(x=topic.name, it=topic.it, them=topic.them, does="do" if topic.plural else "does",
                           **{"is": be, "Is": be.capitalize()})
